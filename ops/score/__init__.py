"""A folder of files through a batch endpoint: ``python -m ops score``."""
