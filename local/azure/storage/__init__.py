"""Microsoft.Storage, one file per resource family; the data planes are ``storage_data`` and ``blob``."""
