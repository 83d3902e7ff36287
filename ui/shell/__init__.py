"""What stands around every page: who may enter, the navigation, the sidebar, files by address."""
