// Reads callbacks as JSON lines {name, secret, headers, body, accept} from standard input and verifies each one with
// both libraries. Prints one line per disagreement; exits 1 if there is any, or if there was nothing to verify.
import { createInterface } from "node:readline";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const libraries = { standardwebhooks: Standard, svix: Svix };
let verified = 0;
let wrong = 0;

for await (const line of createInterface({ input: process.stdin })) {
  const c = JSON.parse(line);
  for (const [name, Webhook] of Object.entries(libraries)) {
    let accepted = true;
    let why = "";
    try {
      new Webhook(c.secret).verify(c.body, c.headers);
    } catch (err) {
      accepted = false;
      why = err.message;
    }
    verified++;
    if (accepted !== c.accept) {
      wrong++;
      console.log(`${name}: ${c.name}: accepted ${accepted}, want ${c.accept} ${why}`);
    }
  }
}
console.log(`${verified} verified, ${wrong} wrong`);
process.exit(verified > 0 && wrong === 0 ? 0 : 1);
