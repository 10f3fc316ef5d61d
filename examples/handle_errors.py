"""Meet every kind of error, and do what each asks for.

The exit status tells a scheduler what to do: 0 done, 1 somebody has to look,
75 run it again later.

Try it on the fake gateway.  Let it run in one terminal:

    python -m caibo.testing --port 8765

and in another:

    export CAIBO_BASE_URL=http://127.0.0.1:8765
    export CAIBO_API_KEY=caibo_test_sk_only_the_fake_gateway_takes_this
    python examples/handle_errors.py 16772748432912191 new@example.com

Then try "nobody" as the address, the id of no customer, another key, or no fake.
"""

import argparse
import os
import sys

import caibo

FIX, LATER = 1, 75  # the second is EX_TEMPFAIL of sysexits.h


def main() -> int:  # noqa: C901  # a branch for each error is the point
    """Update the customer that the command line names, and return the exit status."""
    options = _parser().parse_args()
    try:
        change_email(options)
    except caibo.ConfigurationError as error:
        return stop(FIX, error, "Correct the key, the URL or the options.")
    except caibo.InvalidChangesError as error:
        fields = ", ".join(problem.field for problem in error.problems)
        return stop(FIX, error, f"Nothing was sent. Correct: {fields}.")
    except caibo.UnknownOutcomeError as error:
        # An update starts with a read, so it may be run again whether or not
        # this one was applied.
        return stop(LATER, error, "Whether the new address is there could not be seen.")
    except caibo.OverwrittenError as error:
        return stop(FIX, error, "Ask who else changes this customer.")
    except caibo.ConflictError as error:
        return stop(FIX, error, f"Decide which value holds: {', '.join(error.conflicts)}.")
    except caibo.WriteStoppedError as error:
        return stop(FIX, error, "Nothing was written. Ask the observer that raised.")
    except caibo.LockError as error:
        return stop(LATER, error, "Nothing was written. Is the lock's server up?")
    except caibo.DeadlineExceededError as error:
        return stop(LATER, error, "Nothing was written. Is --deadline long enough?")
    except caibo.TransportError as error:
        return stop(LATER, error, "Nothing was written. Is the network up?")
    except caibo.RenewalError as error:
        return stop(FIX, error, "Check the login, or what gives out the tokens.")
    except caibo.MalformedResponseError as error:
        return stop(FIX, error, "Nothing was written. Is this the right service?")
    except caibo.APIError as error:
        return said_no(error)
    print(f"customer {options.customer_id}: has this address now")
    return 0


def change_email(options: argparse.Namespace) -> None:
    """Change the address, and see that it stands."""
    login = options.login and caibo.Login(options.login, os.environ.get("CAIBO_PASSWORD", ""))
    with caibo.Caibo(auth=login, deadline=options.deadline) as client:
        expect = {"email": options.expect} if options.expect else None
        client.customers.update(
            options.customer_id, email=options.email, expect=expect, confirm=True
        )


def said_no(error: caibo.APIError) -> int:
    """Act on the gateway's refusal."""
    match error:
        case caibo.BadRequestError():
            fields = ", ".join(error.field_errors) or "see above"
            return stop(FIX, error, f"The gateway refused the data: {fields}.")
        case caibo.AuthenticationError():
            return stop(FIX, error, "The credential is wrong, revoked or expired.")
        case caibo.PermissionDeniedError():
            return stop(FIX, error, "Ask for the right to change customers.")
        case caibo.NotFoundError():
            return stop(FIX, error, "Is it the right id, and the right gateway?")
        case caibo.RateLimitedError(retry_after=seconds):
            when = "later" if seconds is None else f"in {seconds:.0f} seconds"
            return stop(LATER, error, f"Run this again {when}, and fewer at a time.")
        case caibo.ServerError():
            return stop(LATER, error, "If it stays, quote the request id to the vendor.")
        case _:
            return stop(FIX, error, f"Nobody expected {error.status} here.")


def stop(status: int, error: caibo.CaiboError, advice: str) -> int:
    """Say what happened and what to do next.  A message holds no customer data: log it."""
    print(f"{type(error).__name__}: {error}\n→ {advice}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("customer_id", type=int)
    parser.add_argument("email", help="the new address")
    parser.add_argument(
        "--login",
        metavar="EMAIL",
        help="log in with this address and the password in CAIBO_PASSWORD, without a key",
    )
    parser.add_argument("--expect", metavar="EMAIL", help="only if this is the address so far")
    parser.add_argument(
        "--deadline", type=float, default=60.0, metavar="SECONDS", help="for all of it (60)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
