"""Tests of live feeds: a tick sees exactly the values known when it begins."""
