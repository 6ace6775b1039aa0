"""The console: pages for people who sign in, over the use cases that API and command line share.

Server-rendered, without inline script or style and without anything from outside; it works by keyboard, on a phone, and
but for comfort without script. How a page is added: write a view (values in, `Markup` out) and a route in one module
that has ``add_routes(app, console)``, name the module in `routes`, and put a link into `look.PAGES`.
"""
