/*
 * What applies where no file says otherwise: registry.k8s.io's upstream and stores, as the YAML
 * that a file would say it with. Stores stand in the order of the regions' names, the default last.
 */
#ifndef CONFIG_PRESET_H
#define CONFIG_PRESET_H

#define PRESET_NAME "registry-k8s-io"

/* free() it. */
char *preset_text(void);

#endif
