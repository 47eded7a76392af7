"""What jobs and people run on: clusters, instances, attached Kubernetes."""
