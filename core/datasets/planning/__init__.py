"""What lies in a folder that is to be imported, understood before a pixel is read."""
