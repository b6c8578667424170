"""The page of bench/ as one writes it for Python: starlette in one process, sessions in a shelve, their ids in a signed cookie."""
import os
import secrets
import shelve

import uvicorn
from itsdangerous import BadSignature, Signer
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

TEXT = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Session test, Python</title></head>
<body>
<p id="session-id">My session id: {id}</p>
<p id="visits">Number of visits: {visits}</p>
<p id="events">Number of Click Events: 0</p>
<p>This page has no style and no script. It counts a visit, and is for measuring what a session costs: its size is that of the page
that the empty responder gives, some five hundred octets. . . . . . . . . . . . . . .</p>
</body>
</html>
"""

signer = Signer(os.environ['SECRET_KEY'])
sessions = shelve.open(os.path.join(os.environ['BENCH_FOLDER'], 'sessions'))


def session_id(request):
    try:
        return signer.unsign(request.cookies.get('sid', '')).decode()
    except BadSignature:
        return None


async def page(request):
    known = session_id(request)
    key = known or secrets.token_hex(16)
    session = sessions.get(key, {'visits': 0})
    session['visits'] += 1
    sessions[key] = session
    response = HTMLResponse(TEXT.format(id=key, visits=session['visits']))
    if known is None:
        response.set_cookie('sid', signer.sign(key).decode(), httponly=True, samesite='lax')
    return response


uvicorn.run(Starlette(routes=[Route('/plain', page)]), uds=os.environ['BENCH_SOCKET'], log_level='error', access_log=False)
