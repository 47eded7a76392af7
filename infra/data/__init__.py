"""What training reads and models share: datastores, data assets, how long data is kept, the feature store, registries."""
