"""The photos of a dataset on its page: gallery, selection, viewer, page of one photo."""
