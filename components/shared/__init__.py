"""Elements that several pages use, the theme, number formats and the view model."""
