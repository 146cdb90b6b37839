"""`data=file`: data in whatever form people have them; kinds found by content, read by the libraries that know them."""
