"""Distances between surfaces of masks and volumes: ASD, ASSD, HD, percentiles of it, NSD."""
