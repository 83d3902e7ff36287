"""Parts of a page that a browser runs code for."""
