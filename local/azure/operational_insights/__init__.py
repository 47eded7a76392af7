"""Microsoft.OperationalInsights, one file per resource family. No logs are taken in, so there are none to ask."""
