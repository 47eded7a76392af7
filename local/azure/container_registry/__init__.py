"""Microsoft.ContainerRegistry, one file per resource family. There are no images: no Docker is needed here, and none is there."""
