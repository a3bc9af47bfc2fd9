"""Objects and components of images that are never whole in memory."""
