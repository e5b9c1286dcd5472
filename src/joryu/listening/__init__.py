"""What the two servers (the labelling page, `joryu serve`) share: an address, a token, patience with silent clients."""
