"""What `import fieldmark` offers: handles on datasets, models and endpoints, thin over core."""
