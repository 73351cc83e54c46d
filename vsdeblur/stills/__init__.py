"""Still pictures: PNG, JPEG, TIFF and WebP files in and out, with all that they say about themselves."""
