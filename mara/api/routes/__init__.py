"""The API's calls: reads, changes, event stream, metrics, inputs and error bodies."""
