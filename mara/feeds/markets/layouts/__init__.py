"""Declarations of the layouts that come with Mara, one file a publisher."""
