// Verifies FILE against a key-signed Sigstore bundle with @sigstore/verify, offline.
//
//   node verify.mjs BUNDLE KEY.PEM FILE
//
// Exit 0 and "verified" only if the signature is KEY's over FILE; 1 if it is not; 2 on wrong usage.
// The key is trusted because the caller names it, so no transparency log, timestamp or certificate is
// asked for (thresholds 0) and the trusted root is empty.

import { createHash, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { bundleFromJSON } from '@sigstore/bundle';
import { Verifier, toSignedEntity, toTrustMaterial } from '@sigstore/verify';

const [bundlePath, keyPath, filePath] = process.argv.slice(2);
if (process.argv.length !== 5) {
  console.error('usage: node verify.mjs BUNDLE KEY.PEM FILE');
  process.exit(2);
}

try {
  const bundle = bundleFromJSON(JSON.parse(readFileSync(bundlePath, 'utf8')));
  const artifact = readFileSync(filePath);
  const publicKey = createPublicKey(readFileSync(keyPath));
  const der = publicKey.export({ format: 'der', type: 'spki' });
  const id = createHash('sha256').update(der).digest();

  const findKey = (hint) => {
    if (hint !== id.toString('hex') && hint !== id.toString('base64')) {
      throw new Error(`the bundle names another key: ${hint}`);
    }
    return { publicKey, validFor: () => true };
  };
  const root = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const options = { tlogThreshold: 0, ctlogThreshold: 0, timestampThreshold: 0 };
  const verifier = new Verifier(toTrustMaterial(root, findKey), options);
  const entity = toSignedEntity(bundle, artifact);

  // The library checks the signature; the digest beside it is ours to compare.
  if (!entity.signature.compareDigest(createHash('sha256').update(artifact).digest())) {
    throw new Error('the stated digest is not that of the file');
  }
  verifier.verify(entity);
  console.log(`verified ${id.toString('hex')}`);
} catch (error) {
  console.error(`not verified: ${error.message}`);
  process.exit(1);
}
