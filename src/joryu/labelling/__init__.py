"""The local web page on which people label pictures, and the devices that measure signals of the person labelling."""
