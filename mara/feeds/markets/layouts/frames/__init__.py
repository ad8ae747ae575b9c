"""Tables that analysts save from Python libraries."""
