"""Clear the phone number of one customer: `None` clears, and what is left out stays.

Try it on the fake gateway.  Let it run in one terminal:

    python -m caibo.testing --port 8765

and in another:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    python examples/clear_a_field.py 16772748432912191
"""

import argparse
import sys

import caibo


def main() -> None:
    """Clear the phone number of the customer that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customer_id", type=int)
    options = parser.parse_args()

    try:
        with caibo.Caibo() as client:
            update = client.customers.update(options.customer_id, phone=None)
    except caibo.CaiboError as error:
        sys.exit(f"not cleared: {error}")
    if "phone" in update.changes:
        print(f"customer {options.customer_id}: phone cleared")
    else:
        print(f"customer {options.customer_id}: had no phone, nothing was sent")


if __name__ == "__main__":
    main()
