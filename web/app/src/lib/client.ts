import { HeadgateClient } from "@headgate/client";
import { auth } from "./auth";

/** The one client of this page. It asks for a token before each request, so a run outlives any token. */
export const client = new HeadgateClient({ baseUrl: location.origin, token: auth.token });
