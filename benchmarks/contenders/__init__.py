"""One module per contender of `benchmarks.epoch`. Each runs in a process of its own, some in another environment, so
they share only `work` (numpy), `worker` (the standard library) and `torch_parts` (PyTorch).
"""
