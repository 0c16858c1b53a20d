"""A NAS and its client in user-mode Linux: a real kernel's NFS and CIFS, in one process of ours."""
