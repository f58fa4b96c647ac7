// Licences of the packages whose code is in a bundle: their terms ask for a copy in every distribution.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './project.mjs';

/** Folders of the packages that the bundles' inputs come from, such as node_modules/iced-x86; sorted. */
function packageFolders(metafiles) {
  const folders = metafiles.flatMap(({ inputs }) =>
    Object.keys(inputs).flatMap((input) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0] ?? []),
  );
  return [...new Set(folders)].sort();
}

/** @param {import('esbuild').Metafile[]} metafiles of all bundles */
export function thirdPartyNotices(metafiles) {
  const notices = packageFolders(metafiles).map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((entry) => /^licen[cs]e/i.test(entry));
    const text = file ? readFileSync(join(root, folder, file), 'utf8').trim() : `Licence: ${license}`;
    return `${name} ${version}\n\n${text}`;
  });
  const rule = `\n\n${'-'.repeat(80)}\n\n`;
  return `Ringside contains code of these packages.${rule}${notices.join(rule)}\n`;
}
