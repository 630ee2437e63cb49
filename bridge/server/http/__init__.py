"""Plain HTTP: health of the upstream, and the responses for monitoring and for rejections."""
