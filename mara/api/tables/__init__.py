"""Tables of the API as CSV files, for spreadsheets."""
