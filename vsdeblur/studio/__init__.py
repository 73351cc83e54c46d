"""``vsdeblur studio``: a page on this machine to look at a clip, choose settings, preview and run jobs.

The server (Starlette on uvicorn, extra ``studio``) listens on loopback alone. All work is done by the same commands
that a terminal has, each in a process of its own, so that what the page shows as a command line is what runs.

    places -> opened -> form (settings) -> commands -> jobs (processes) -> app (routes) behind guard -> serve
"""
