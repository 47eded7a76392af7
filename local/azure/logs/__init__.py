"""Azure Monitor Logs: tables that diagnostic settings fill, and a part of the Kusto Query Language to ask them."""
