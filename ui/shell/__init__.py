"""What surrounds every page: the login, the navigation, the sidebar, the HTTP routes, help."""
