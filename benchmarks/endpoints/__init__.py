"""An endpoint under one client and under several, beside TorchServe."""
