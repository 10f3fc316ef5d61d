"""Use access tokens that something else keeps fresh: here, a file.

The client calls `token` before its first request and again after a 401, so a
token that is exchanged while this runs is taken up without a word.  The callable
may as well ask a vault; in `AsyncCaibo` it may be async.

Try it on the fake gateway.  Let it run in one terminal:

    python -m caibo.testing --port 8765

and in another, where the login takes the place of whatever fills your file:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    curl -s -H 'Content-Type: application/json' $CAIBO_BASE_URL/auth/login \
-d '{"email":"merchant@example.com","password":"correct horse battery staple"}' \
| cut -d '"' -f 4 > token.txt
    python examples/bring_your_own_token.py 16772748432912191 token.txt "Ada Lovelace"
"""

import argparse
import sys
from pathlib import Path

import caibo


def main() -> None:
    """Rename the customer that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customer_id", type=int)
    parser.add_argument("token_file", type=Path, help="holds the access token and nothing else")
    parser.add_argument("name", help="the new name")
    options = parser.parse_args()

    def token() -> str:
        text: str = options.token_file.read_text()
        return text.strip()

    try:
        with caibo.Caibo(access_token=token) as client:
            update = client.customers.update(options.customer_id, name=options.name)
    except caibo.CaiboError as error:
        sys.exit(f"not renamed: {error}")
    print(f"customer {options.customer_id}: {update.outcome}")


if __name__ == "__main__":
    main()
