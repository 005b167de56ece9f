{{- define "managementplane.keep" -}}
{{- if .Values.secrets.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{- define "managementplane.image" -}}
{{ required "image.registry is required: the registry that the TSB images were synchronised to" .Values.image.registry }}/tsboperator-server:{{ .Values.image.tag | default .Chart.AppVersion | default .Chart.Version }}
{{- end -}}

{{- define "managementplane.organization" -}}
{{- $organization := required "spec.organization is required" .Values.spec.organization -}}
{{- if ne $organization (lower $organization) -}}
{{- fail (printf "spec.organization must be in lower case: %q" $organization) -}}
{{- end -}}
{{ $organization }}
{{- end -}}
