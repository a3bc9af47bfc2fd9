"""Where the errors are: of objects by kind and size, of class maps by distance and region."""
