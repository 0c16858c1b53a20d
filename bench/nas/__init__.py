"""What a database on a NAS costs: measured on this disk, and in a guest with a real NFS server."""
