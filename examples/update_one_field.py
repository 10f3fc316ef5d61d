"""Change the e-mail address of one customer and keep everything else in the record.

Try it on the fake gateway.  Let it run in one terminal:

    python -m caibo.testing --port 8765

and in another:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    python examples/update_one_field.py 16772748432912191 new@example.com
"""

import argparse
import sys

import caibo


def main() -> None:
    """Update the customer that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customer_id", type=int)
    parser.add_argument("email", help="the new address")
    options = parser.parse_args()

    try:
        with caibo.Caibo() as client:
            update = client.customers.update(options.customer_id, email=options.email)
    except caibo.CaiboError as error:
        sys.exit(f"not updated: {error}")
    print(f"customer {options.customer_id}: {update.outcome}")
    for field in update.changes:
        print(f"  changed: {field}")


if __name__ == "__main__":
    main()
