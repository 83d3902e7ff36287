"""An endpoint with one and with several clients, next to TorchServe."""
