"""Microsoft.MachineLearningServices, as ``azure-ai-ml`` calls it."""
