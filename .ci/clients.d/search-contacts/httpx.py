import os, httpx
contacts = httpx.post(
    'https://www.qyvo.io/api/v1/actions/search-contacts',
    headers={'Authorization': f"Bearer {os.environ['QYVO_TOKEN']}"},
    json={'query': 'smith', 'tag': 'vip'},
).json()
