"""What several formats have in common: files and folders, shapes, numbered maps, volumes, JSON."""
