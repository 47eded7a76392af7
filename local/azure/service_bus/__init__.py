"""Microsoft.ServiceBus: namespaces and their queues, with messages that are really kept."""
