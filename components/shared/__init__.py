"""Elements shared by pages, the theme, number formats and the view model."""
