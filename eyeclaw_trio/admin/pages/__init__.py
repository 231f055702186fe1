"""One module a page: it reads through the office, and renders; `site.PAGES` lists them."""
