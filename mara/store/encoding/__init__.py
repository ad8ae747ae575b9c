"""Records as bytes, and the digests, hash chain and seals made of them."""
